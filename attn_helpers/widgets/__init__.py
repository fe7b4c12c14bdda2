"""Widgets that compute in the browser: one .py, one .js and one .css file each.

A widget is imported when it is first asked for, so that the package stays light without one.
"""

from attn_helpers.lazy import loader

_MODULES = {
    "AlignmentView": "alignment_view",
    "AttentionExplorer": "attention_explorer",
    "FastWeightMemory": "fast_weight_memory",
    "GenerationStepper": "generation_stepper",
    "HeadGrid": "head_grid",
    "PatchAttention": "patch_attention",
    "ProgramEditor": "program_editor",
    "SoftmaxSaturation": "softmax_saturation",
    "SoftmaxTemperature": "softmax_temperature",
    "TrainingFilm": "training_film",
}

__all__ = sorted(_MODULES)

__getattr__ = loader(__name__, _MODULES)


def __dir__():
    return __all__
