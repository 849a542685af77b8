from autograd_mini.value import Value
from autograd_mini.debugging import debug
import autograd_mini.functions
