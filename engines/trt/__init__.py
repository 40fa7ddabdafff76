"""Engines on NVIDIA GPUs: TensorRT and TensorRT-RTX speak one interface, so everything here is written once."""
