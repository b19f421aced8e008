"""Makes the event files of this directory with TensorBoard's own writer: pip install tensorboard; python make.py

v1 holds simple values, as PyTorch writes them; v2 holds tensors, as TensorFlow 2 does, of every numeric kind that a
scalar may have, beside things that are no scalars.
"""
import glob
import os

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.scalar import summary_v2
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util

here = os.path.dirname(os.path.abspath(__file__))


def write(name, summaries):
    writer = EventFileWriter(here, filename_suffix="." + name)
    for step, summary in enumerate(summaries):
        writer.add_event(event_pb2.Event(wall_time=1e9 + step, step=step, summary=summary))
    writer.close()
    (path,) = glob.glob(os.path.join(here, "*." + name))
    os.rename(path, os.path.join(here, name + ".tfevents.bin"))


def simple(tag, value):
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)])


def tensor(tag, value, kind):
    proto = tensor_util.make_tensor_proto(np.array(value, dtype=kind))
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, tensor=proto)])


write("v1", [simple("loss", 0.1), simple("loss", 0.05), simple("acc", 3.0)])
write(
    "v2",
    [
        summary_v2.scalar_pb("loss", 0.1),
        tensor("double", 0.123456789012, "float64"),
        tensor("int", -7, "int32"),
        tensor("long", 1 << 40, "int64"),
        tensor("half", 1.5, "float16"),
        tensor("one", [[2.5]], "float32"),
        tensor("many", [1.0, 2.0], "float32"),
        tensor("none", [], "float32"),
        tensor("text", "hello", object),
    ],
)
