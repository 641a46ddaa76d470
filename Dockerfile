# The image for `sweep render kubernetes`: docker build -t registry.example/prunesweep:0.1.0 .
# torch comes as the CUDA build of the package index, which brings its own libraries of CUDA.
FROM rayproject/ray:2.60.0-py311-cpu

COPY --chown=ray pyproject.toml constraints.txt README.md prunesweep/
COPY --chown=ray sweep prunesweep/sweep
COPY --chown=ray analysis prunesweep/analysis
RUN pip install --no-cache-dir -c prunesweep/constraints.txt "./prunesweep[s3,gcs]" 'ray[default]==2.60.0'
