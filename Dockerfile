# The image for `sweep render kubernetes`: docker build -t registry.example/prunesweep:0.1.0 .
# pip installs the CUDA build of torch, which includes the CUDA libraries.
FROM rayproject/ray:2.60.0-py311-cpu

COPY --chown=ray pyproject.toml constraints.txt README.md prunesweep/
COPY --chown=ray sweep prunesweep/sweep
COPY --chown=ray analysis prunesweep/analysis
RUN pip install --no-cache-dir -c prunesweep/constraints.txt "./prunesweep[s3,gcs]" 'ray[default]==2.60.0'
