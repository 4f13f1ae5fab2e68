"""Where targets come from, in words."""

PAPER = "paper on the film (Nature 633, 560, 2024): abstract"
MODEL = "published compact model of the Ru-azo film (2026)"
DATA_SET = "noise data set of the published compact model (2026)"
CURVES = "measured curves A and B, digitised in the published compact model (2026)"
NEWS = "news on the paper's group (EE Times)"
OURS = "own demand; no published figure"
STUDY = "feasibility study of the board, November 2026"
