"""Speed, measured: `make bench`. Figures are ratios within one run; absolute ones belong to one machine and day."""
