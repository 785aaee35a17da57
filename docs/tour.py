"""A tour of the compiler: the whole idea rebuilt from scratch in one file that runs.

    python docs/tour.py

We write a definition that mentions a tensor of three axes, take its derivative, and end with machine code that never makes the tensor. The real
compiler differs from this one in breadth, not in shape; each part names the package that does it for real. Nothing here is imported from Croton.
"""

from __future__ import annotations

import ctypes
import itertools
from typing import NamedTuple

import llvmlite.binding as llvm
import numpy as np

# ----------------------------------------------------------------------------------------------------------------------
# 1. Values with named axes (croton.algebra.node)
#
# An array is not "a tensor with axes 0 and 1" but a value at labels, as on paper: W at (v, h). A label is a name for an index and knows its size.
# Equal nodes are one object: interning finds common subexpressions for free.


class Label:
    def __init__(self, name: str, size: str) -> None:
        self.name, self.size = name, size

    def __repr__(self) -> str:
        return self.name


class Node(NamedTuple):
    kind: str  # "input", "map", "contract"
    param: object  # the input's name, the map's function, the contraction's coefficient
    args: tuple  # (node, positions, power): the labels of an argument as positions in ours
    dims: tuple[str, ...]  # sizes of the axes, then of the summed labels
    rank: int  # how many of dims are axes


class Use(NamedTuple):
    """A node read at labels."""

    node: Node
    labels: tuple[Label, ...]


_table: dict[Node, Node] = {}


def make(kind: str, param: object, args: list[tuple[Node, tuple[Label, ...], int]], out: tuple[Label, ...], summed: tuple[Label, ...] = ()) -> Use:
    place = {label: i for i, label in enumerate(out + summed)}
    packed = tuple((node, tuple(place[label] for label in labels), power) for node, labels, power in args)
    node = Node(kind, param, packed, tuple(label.size for label in out + summed), len(out))
    return Use(_table.setdefault(node, node), out)


def variable(name: str, *labels: Label) -> Use:
    return make("input", name, [], labels)


def function(name: str, use: Use) -> Use:
    return make("map", name, [(use.node, use.labels, 1)], use.labels)


# ----------------------------------------------------------------------------------------------------------------------
# 2. One kind for products and sums (croton.algebra.contract)
#
# contract(out, factors) = the sum, over every label that is not in `out`, of the product of the factors to their powers. A matrix product, an
# outer product, a broadcast, a mean and a transpose are all this. Two rules do the work:
#
#   flatten    a product inside a product is taken apart, and equal factors become one power
#   partial    what only one factor mentions is summed there:  sum_vh W[v,h]^2 G[b,h]^2  =  sum_h G[b,h]^2 (sum_v W[v,h]^2)


def contract(out: tuple[Label, ...], factors: list[tuple[Use, int]], coef: float = 1.0) -> Use:
    merged: dict[Use, int] = {}
    work = list(factors)
    while work:
        use, power = work.pop()
        node = use.node
        if node.kind == "contract" and len(node.dims) == node.rank:  # nothing is summed: flatten
            coef *= node.param**power  # type: ignore[operator]
            work += [(Use(child, tuple(use.labels[i] for i in positions)), p * power) for child, positions, p in node.args]
        else:
            merged[use] = merged.get(use, 0) + power
    merged = {use: power for use, power in merged.items() if power}
    everywhere = [label for use in merged for label in set(use.labels) if label not in out]
    if len(merged) > 1:
        for use, power in list(merged.items()):
            private = [label for label in use.labels if everywhere.count(label) == 1]
            if private:
                del merged[use]
                kept = tuple(label for label in use.labels if label not in private)
                inner = make("contract", 1.0, [(use.node, use.labels, power)], kept, tuple(private))
                merged[inner] = merged.get(inner, 0) + 1
    kept = tuple(dict.fromkeys(label for use in merged for label in use.labels if label not in out))
    args = sorted(((use.node, use.labels, power) for use, power in merged.items()), key=lambda a: (repr(a[0]), repr(a[1])))
    return make("contract", coef, args, tuple(out), kept)


# ----------------------------------------------------------------------------------------------------------------------
# 3. Derivatives (croton.derivatives.derive)
#
# The derivative of a product with respect to one factor is the product of the others: again a contract. So reverse mode needs one rule for
# every product and sum there is, and a table for scalar functions.

DERIVATIVE = {"exp": lambda y, x: [(y, 1)]}


def walk(root: Node) -> list[Node]:
    """Arguments before their readers, without recursion: a graph may be as deep as its user likes."""
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(child, False) for child, _, _ in node.args]
    return order


def gradient(cost: Use, wrt: Use) -> list[Use]:
    """Terms whose sum is the derivative of a scalar, each at the labels of `wrt`."""
    adjoint: dict[int, list[Use]] = {id(cost.node): [contract((), [])]}
    labels_of = {id(node): tuple(Label(f"{d.lower()}{next(_fresh)}", d) for d in node.dims[: node.rank]) for node in walk(cost.node)}
    labels_of[id(wrt.node)] = wrt.labels
    for node in reversed(walk(cost.node)):
        own = labels_of[id(node)]
        inner = tuple(Label(f"s{next(_fresh)}", d) for d in node.dims[node.rank :])
        for term in adjoint.get(id(node), []):
            for k, (child, positions, power) in enumerate(node.args):
                there = labels_of[id(child)]
                rename = {(own + inner)[i]: there[j] for j, i in enumerate(positions)}
                at = lambda use, rename=rename: Use(use.node, tuple(rename.get(label, label) for label in use.labels))
                if node.kind == "map":
                    local = DERIVATIVE[node.param](Use(node, own), None)  # type: ignore[index]
                    coef = 1.0
                else:
                    local = [(Use(c, tuple((own + inner)[i] for i in ps)), p) for j, (c, ps, p) in enumerate(node.args) if j != k]
                    local += [(Use(child, tuple((own + inner)[i] for i in positions)), power - 1)] if power != 1 else []
                    coef = float(power) * node.param  # type: ignore[operator]
                factors = [(at(use), p) for use, p in [(term, 1), *local]]
                adjoint.setdefault(id(child), []).append(contract(there, factors, coef))
    return adjoint[id(wrt.node)]


_fresh = itertools.count()

# ----------------------------------------------------------------------------------------------------------------------
# 4. Loops (croton.schedule, croton.kernel)
#
# Each node that is left becomes one loop nest: its axes outside, what it sums inside. The real scheduler fuses nests that share a space, calls a
# library where a nest is a matrix product, and plans the memory.


def nest(node: Node, name: dict[int, str]) -> str:
    axes = [f"i{k}" for k in range(len(node.dims))]
    lines = [f"{name[id(node)]}[{', '.join(axes[: node.rank])}]:"]
    lines += [f"{'  ' * (k + 1)}for {axes[k]} < {d}{'' if k < node.rank else '   (summed)'}" for k, d in enumerate(node.dims)]
    product = " * ".join(f"{name[id(c)]}[{', '.join(axes[i] for i in ps)}]" + (f"^{p}" if p != 1 else "") for c, ps, p in node.args)
    lines.append("  " * (len(node.dims) + 1) + (f"{node.param}({product})" if node.kind == "map" else f"+= {node.param} * {product}"))
    return "\n".join(lines)


# ----------------------------------------------------------------------------------------------------------------------
# 5. Machine code (croton.codegen, croton.runtime)
#
# The nest is written as LLVM IR text and LLVM, which comes in a wheel, makes it native. Here the loops are scalar; the real generator writes vectors.


def emit(node: Node, symbol: str) -> str:
    """`void symbol(ptr out, ptr argument..., i64 size...)` with one size for each label, row-major memory."""
    lines: list[str] = []
    counter = itertools.count()

    def op(text: str) -> str:
        register = f"%t{next(counter)}"
        lines.append(f"  {register} = {text}")
        return register

    def address(base: str, positions: tuple[int, ...]) -> str:
        offset = "0"
        for i in positions:
            offset = op(f"add i64 {op(f'mul i64 {offset}, %n{i}')}, %i{i}")
        return op(f"getelementptr double, ptr {base}, i64 {offset}")

    depth = len(node.dims)
    for k in range(depth):
        before = f"body{k - 1}" if k else "entry"
        lines += [f"  br label %head{k}", f"head{k}:", f"  %i{k} = phi i64 [ 0, %{before} ], [ %next{k}, %latch{k} ]"]
        lines += [f"  %more{k} = icmp slt i64 %i{k}, %n{k}", f"  br i1 %more{k}, label %body{k}, label %exit{k}", f"body{k}:"]
    value = None
    for k, (_, positions, power) in enumerate(node.args):
        element = op(f"load double, ptr {address(f'%a{k}', positions)}")
        for _ in range(abs(power)):
            value = op(f"{'fmul' if power > 0 else 'fdiv'} double {value or '1.0'}, {element}")
    out = address("%out", tuple(range(node.rank)))
    if node.kind == "map":
        result = op(f"call double @llvm.{node.param}.f64(double {value})")
    else:
        result = op(f"fadd double {op(f'load double, ptr {out}')}, {op(f'fmul double {node.param}, {value or 1.0}')}")
    lines.append(f"  store double {result}, ptr {out}")
    for k in reversed(range(depth)):
        lines += [f"  br label %latch{k}", f"latch{k}:", f"  %next{k} = add i64 %i{k}, 1", f"  br label %head{k}", f"exit{k}:"]
    arguments = ", ".join(["ptr %out"] + [f"ptr %a{k}" for k in range(len(node.args))] + [f"i64 %n{k}" for k in range(depth)])
    return f"define void @{symbol}({arguments}) {{\nentry:\n" + "\n".join(lines) + "\n  ret void\n}\n"


def compile_nodes(nodes: list[Node]) -> list[ctypes._FuncPointer]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    text = "declare double @llvm.exp.f64(double)\n" + "".join(emit(node, f"nest{i}") for i, node in enumerate(nodes))
    machine = llvm.Target.from_default_triple().create_target_machine(opt=2)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
    engine.finalize_object()
    _engines.append(engine)  # the code lives as long as its engine
    result = []
    for i, node in enumerate(nodes):
        kinds = [ctypes.c_void_p] * (1 + len(node.args)) + [ctypes.c_int64] * len(node.dims)
        result.append(ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(f"nest{i}")))
    return result


_engines: list[llvm.ExecutionEngine] = []


def run(outputs: list[Use], inputs: dict[str, np.ndarray], sizes: dict[str, int]) -> list[np.ndarray]:
    """Compile what the outputs need and call it."""
    nodes = list({id(n): n for use in outputs for n in walk(use.node) if n.kind != "input"}.values())
    memory: dict[int, np.ndarray] = {id(n): inputs[str(n.param)] for use in outputs for n in walk(use.node) if n.kind == "input"}
    for node, native in zip(nodes, compile_nodes(nodes)):
        memory[id(node)] = np.zeros([sizes[d] for d in node.dims[: node.rank]])
        pointers = [memory[id(node)], *(memory[id(child)] for child, _, _ in node.args)]
        native(*(array.ctypes.data for array in pointers), *(sizes[d] for d in node.dims))
    return [memory[id(use.node)] for use in outputs]


# ----------------------------------------------------------------------------------------------------------------------
# 6. The definition, as a user would think it
#
# The contractive penalty: the squared norm of J[b,v,h] = G[b,h] W[v,h], with G an element-wise function of the code.


def main() -> None:
    b, v, h = Label("b", "B"), Label("v", "V"), Label("h", "H")
    W, Z = variable("W", v, h), variable("Z", b, h)
    G = function("exp", Z)
    J = contract((b, v, h), [(W, 1), (G, 1)])  # the tensor of three axes
    penalty = contract((), [(J, 2)])
    terms = gradient(penalty, W)

    nodes = {id(n): n for use in [penalty, *terms] for n in walk(use.node)}
    name = {key: n.param if n.kind == "input" else f"t{i}" for i, (key, n) in enumerate(nodes.items())}
    print("The penalty and its gradient, as loops. No nest has the axes b, v and h together:\n")
    for node in nodes.values():
        if node.kind != "input":
            print(nest(node, name), "\n")  # type: ignore[arg-type]
        assert len(node.dims) < 3, "the three-axis tensor came back"

    rng = np.random.default_rng(0)
    sizes = {"B": 8, "V": 30, "H": 20}
    values = {"W": rng.standard_normal((30, 20)), "Z": rng.standard_normal((8, 20))}
    found, *gradients = run([penalty, *terms], values, sizes)
    tensor = values["W"][None] * np.exp(values["Z"])[:, None]
    np.testing.assert_allclose(found, (tensor**2).sum())
    np.testing.assert_allclose(sum(gradients), (2 * tensor * np.exp(values["Z"])[:, None]).sum(0))
    print("Machine code agrees with NumPy on the tensor of", tensor.size, "elements that it never made.")


if __name__ == "__main__":
    main()
