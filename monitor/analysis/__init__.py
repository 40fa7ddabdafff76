"""Recorded footage: cut into segments, analysed by any number of workers with one result, told in tables and pages."""
