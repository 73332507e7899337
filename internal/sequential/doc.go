// Package sequential decides between an acceptable and a refused rate while the evidence comes in, and may be asked at any time.
//
// A point estimate cannot gate a canary: to show fewer than 0.5 % errors at 95 % confidence takes 598 requests without a single
// one, and whoever looks ten times at a 5 % test raises a false alarm in 19 % of the healthy releases. The tests here are
// sequential: their bounds hold at every look at once, so one may look every few seconds and stop at the first decision.
//
// # What is promised
//
//   - [Rate]: one stream. If the true rate is at most the acceptable one, P(Fail at any look) <= alpha; if it is at least the
//     refused one, P(Pass at any look) <= beta.
//   - [Comparison]: a stream beside a simultaneous baseline. The same, for the odds ratio of the two, whatever rate they share
//     and however that rate moves from batch to batch.
//   - [Windows]: every recent stretch of one stream. If the true rate is at most the acceptable one, P(Add is ever true) <= alpha.
//   - [ConfidenceInterval]: limits for the true rate that hold at every look at once.
//   - [FixedThreshold]: the error rates of the plain rule "errors / total >= threshold", to be printed beside it.
//   - [Rate.Operating]: the exact probability of each verdict by each look, for the planner.
//
// The bounds come from Ville's inequality (J. Ville, "Étude critique de la notion de collectif", 1939): a non-negative
// supermartingale that starts at 1 reaches 1/x with a probability of at most x. A likelihood ratio of the refused against the
// acceptable rate is one whenever the truth is acceptable, and its inverse whenever the truth is refused. For the use of such
// processes as evidence see A. Ramdas, P. Grünwald, V. Vovk and G. Shafer, "Game-Theoretic Statistics and Safe Anytime-Valid
// Inference", Statistical Science 38, 2023.
//
// # Dependence
//
// Errors come in bursts. If outcomes depend on one another only inside groups of at most c consecutive requests, in whatever way, and
// each single outcome has an acceptable probability of being bad whatever came in earlier groups, then the likelihood ratio to the
// power 1/c is a supermartingale over groups: by Hölder's inequality E[∏ Lᵢ^(1/c)] <= ∏ (E[Lᵢ^(s/c)])^(1/s) for a group of s <= c,
// and by Jensen's each factor is at most 1. This is the burst of [NewRate]. It costs c times the requests. With a burst of 1 the
// outcomes must be independent; the simulations show what longer bursts then do to the bounds.
//
// # What is refused
//
// Counts that cannot be (negative, more errors than requests) and rates, bounds and bursts outside their ranges are errors. A
// test without evidence is Undecided, never Pass.
package sequential
