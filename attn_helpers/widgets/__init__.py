"""Widgets that compute in the browser: one .py, one .js and one .css file each.

A widget is imported when it is first asked for, so that the package stays light without one.
"""

import importlib

_MODULES = {
    "AlignmentView": "alignment_view",
    "AttentionExplorer": "attention_explorer",
    "FastWeightMemory": "fast_weight_memory",
    "HeadGrid": "head_grid",
    "PatchAttention": "patch_attention",
    "ProgramEditor": "program_editor",
    "SoftmaxSaturation": "softmax_saturation",
    "SoftmaxTemperature": "softmax_temperature",
}

__all__ = sorted(_MODULES)


def __getattr__(name):
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return __all__
