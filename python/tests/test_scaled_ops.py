import pytest
import torch

import filigree  # noqa: F401  (loads torch.ops.filigree)

ops = torch.ops.filigree


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(1)


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_scale_has_two_multipliers():
    x = torch.randn(5, 7, requires_grad=True)
    y = ops.scale(x, 0.5, 3.0)
    close(y, 0.5 * x)
    y.sum().backward()
    close(x.grad, torch.full_like(x, 3.0))


def test_factors_multiply_outputs_and_gradients():
    x = torch.randn(5, 7, requires_grad=True)
    weight = torch.randn(3, 7, requires_grad=True)
    grad = torch.randn(5, 3)
    y = ops.linear(x, weight, None, [0.5, 3.0, 7.0])
    y.backward(grad)
    close(y, 0.5 * x @ weight.T)
    close(x.grad, 3 * grad @ weight)
    close(weight.grad, 7 * grad.T @ x)
    with pytest.raises(RuntimeError, match="wanted no factors or 3"):
        ops.linear(x, weight, None, [0.5])


@pytest.mark.parametrize("precision, kind", [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_low_precision_products_are_of_rounded_operands(precision, kind):
    def rounded(tensor):
        return tensor.detach().to(kind).float()

    x = torch.randn(33, 48, requires_grad=True)
    weight = torch.randn(40, 48, requires_grad=True)
    grad = torch.randn(33, 40)
    y = ops.low_precision_linear(x, weight, None, precision)
    y.backward(grad)
    close(y, rounded(x) @ rounded(weight).T, 1e-4)
    close(x.grad, rounded(grad) @ rounded(weight), 1e-4)
    close(weight.grad, rounded(grad).T @ rounded(x), 1e-4)


def test_fp8_is_coarser_and_near():
    x = torch.randn(64, 64)
    weight = torch.randn(64, 64)
    exact = x @ weight.T
    error = (ops.low_precision_linear(x, weight, None, "fp8") - exact).abs().mean() / exact.abs().mean()
    assert 0.01 < error < 0.06


def test_precisions_have_names():
    x = torch.randn(2, 3)
    close(ops.low_precision_linear(x, x, None, "fp32"), x @ x.T)
    with pytest.raises(RuntimeError, match="choose one of fp32, bf16, fp16, fp8"):
        ops.low_precision_linear(x, x, None, "fp4")
