//! The sample types, and how each maps to the vector registers of the processor.

use std::fmt::Debug;
use std::iter::Sum;

use num_traits::{Float, FromPrimitive, NumAssign};

/// The sample types the crate works on: `f32` and `f64`. Sealed.
pub trait Real:
    Float + FromPrimitive + NumAssign + Sum + Default + Debug + Send + Sync + sealed::Vectorised + 'static
{
    /// Converts a constant; exact for `f64`, rounded for `f32`.
    fn of(value: f64) -> Self;
    /// Widens to `f64`, exactly.
    fn wide(self) -> f64;
}

/// The widest register in use holds this many values: buffers are padded by it, so that no loop needs a tail.
pub(crate) const MAX_LANES: usize = 16;

/// How many values are as long as a cache line: a whole number of registers of any width.
pub(crate) const fn cache_line<T>() -> usize {
    64 / size_of::<T>()
}

pub(crate) mod sealed {
    //! Out of reach of other crates, so that they cannot implement [`Real`](super::Real).
    use pulp::Simd;

    pub trait Vectorised: Copy {
        type Lanes<S: Simd>: Copy;
        fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
        /// The first register full of `values`.
        fn load<S: Simd>(values: &[Self]) -> Self::Lanes<S>;
        fn store<S: Simd>(lanes: Self::Lanes<S>, values: &mut [Self]);
        fn negate<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self::Lanes<S>;
        /// a b + c
        fn fused<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>, c: Self::Lanes<S>)
        -> Self::Lanes<S>;
        fn multiply<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
        fn divide<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
        fn root<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self::Lanes<S>;
        fn greater<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
        fn reduce<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self;

        fn lanes<S: Simd>() -> usize {
            size_of::<Self::Lanes<S>>() / size_of::<Self>()
        }
    }
}
use pulp::Simd;
use sealed::Vectorised;

macro_rules! real {
    ($t:ident, $lanes:ident, $splat:ident, $as:ident, $as_mut:ident, $neg:ident, $fused:ident, $mul:ident, $div:ident,
     $sqrt:ident, $max:ident, $sum:ident) => {
        impl Vectorised for $t {
            type Lanes<S: Simd> = S::$lanes;
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: $t) -> S::$lanes {
                simd.$splat(value)
            }
            #[inline(always)]
            fn load<S: Simd>(values: &[$t]) -> S::$lanes {
                S::$as(&values[..Self::lanes::<S>()]).0[0]
            }
            #[inline(always)]
            fn store<S: Simd>(lanes: S::$lanes, values: &mut [$t]) {
                S::$as_mut(&mut values[..Self::lanes::<S>()]).0[0] = lanes;
            }
            #[inline(always)]
            fn negate<S: Simd>(simd: S, a: S::$lanes) -> S::$lanes {
                simd.$neg(a)
            }
            #[inline(always)]
            fn fused<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes, c: S::$lanes) -> S::$lanes {
                simd.$fused(a, b, c)
            }
            #[inline(always)]
            fn multiply<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn divide<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$div(a, b)
            }
            #[inline(always)]
            fn root<S: Simd>(simd: S, a: S::$lanes) -> S::$lanes {
                simd.$sqrt(a)
            }
            #[inline(always)]
            fn greater<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$max(a, b)
            }
            #[inline(always)]
            fn reduce<S: Simd>(simd: S, a: S::$lanes) -> $t {
                simd.$sum(a)
            }
        }
        impl Real for $t {
            #[inline(always)]
            fn of(value: f64) -> $t {
                value as $t
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                self.into()
            }
        }
    };
}
real!(
    f32,
    f32s,
    splat_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    neg_f32s,
    mul_add_e_f32s,
    mul_f32s,
    div_f32s,
    sqrt_f32s,
    max_f32s,
    reduce_sum_f32s
);
real!(
    f64,
    f64s,
    splat_f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    neg_f64s,
    mul_add_e_f64s,
    mul_f64s,
    div_f64s,
    sqrt_f64s,
    max_f64s,
    reduce_sum_f64s
);
