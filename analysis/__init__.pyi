from analysis.comparison import Comparison as Comparison
from analysis.comparison import Incomparable as Incomparable
from analysis.loading import load as load
from analysis.results import Results as Results
from sweep.ledger.lines import NewerLedger as NewerLedger
from sweep.ledger.lines import NotASweep as NotASweep
from sweep.ledger.store_errors import MissingPackage as MissingPackage
