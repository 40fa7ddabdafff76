"""Mistakes of an analysis, corrected by people and given back to training.

results -> choose -> pictures -> coco or label_studio: out to people. coco or label_studio -> layout: back to training.
"""
