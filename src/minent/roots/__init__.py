"""Roots of functions at any order of convergence, with brackets."""
