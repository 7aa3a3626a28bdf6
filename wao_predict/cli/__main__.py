"""`python -m wao_predict.cli`: the command `wao` where its script is not on the path."""

from wao_predict.cli import main

main()
