"""The report: one page that shows an environment's plan, its verdict and the evidence behind every figure."""
