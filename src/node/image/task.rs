//! Encoding and decoding on the thread pool.

use std::ptr;

use napi::bindgen_prelude::{ArrayBuffer, BufferSlice, Either3, ToNapiValue, TypeName};
use napi::{Env, Task, ValueType, check_status, sys};

use super::call::caught;
use super::data::Data;
use super::is_long_ascii;
use super::value::Value;
use crate::Error;
use crate::image::{Content, DecodeOptions, EncodeOptions, Workspace, encode_source};

/// Bytes on their way to JavaScript, where they become a buffer without a copy.
pub struct Bytes(Vec<u8>);

impl TypeName for Bytes {
    fn type_name() -> &'static str {
        "Buffer"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Bytes {
    unsafe fn to_napi_value(env: sys::napi_env, bytes: Self) -> napi::Result<sys::napi_value> {
        let buffer = BufferSlice::from_data(&Env::from_raw(env), bytes.0)?;
        // SAFETY: the task completes in `env`.
        unsafe { ToNapiValue::to_napi_value(env, &buffer) }
    }
}

/// How a task on the pool ends: napi's own task errors cannot carry our codes, so errors travel as
/// values.
pub enum Settled<T> {
    /// It worked.
    Done(T),
    /// It did not.
    Failed(Error),
}

impl<T> From<crate::Result<T>> for Settled<T> {
    fn from(result: crate::Result<T>) -> Self {
        match result {
            Ok(value) => Settled::Done(value),
            Err(error) => Settled::Failed(error),
        }
    }
}

impl<T> TypeName for Settled<T> {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl<T: ToNapiValue> ToNapiValue for Settled<T> {
    unsafe fn to_napi_value(env: sys::napi_env, settled: Self) -> napi::Result<sys::napi_value> {
        match settled {
            // SAFETY: the task completes in `env`.
            Settled::Done(value) => unsafe { T::to_napi_value(env, value) },
            Settled::Failed(error) => {
                // SAFETY: the same.
                let (code, message) = unsafe {
                    (
                        ToNapiValue::to_napi_value(env, error.code().as_str())?,
                        ToNapiValue::to_napi_value(env, error.message())?,
                    )
                };
                let mut object = ptr::null_mut();
                // SAFETY: the values belong to this scope, the names end in zero.
                unsafe {
                    check_status!(sys::napi_create_object(env, &mut object))?;
                    check_status!(sys::napi_set_named_property(env, object, c"code".as_ptr(), code))?;
                    check_status!(sys::napi_set_named_property(env, object, c"message".as_ptr(), message))?;
                }
                Ok(object)
            }
        }
    }
}

/// An encode on the pool.
pub struct Encode {
    data: Data,
    options: EncodeOptions,
}

impl Encode {
    pub(super) const fn new(data: Data, options: EncodeOptions) -> Self {
        Self { data, options }
    }
}

impl Task for Encode {
    type Output = Settled<Bytes>;
    type JsValue = Settled<Bytes>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(caught(|| encode_source(self.data.source(), &self.options).map(Bytes)).into())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        std::mem::replace(&mut self.data, Data::new()).release();
        Ok(output)
    }
}

/// A decode on the pool.
pub struct Decode {
    png: Vec<u8>,
    options: DecodeOptions,
}

impl Decode {
    pub(super) const fn new(png: Vec<u8>, options: DecodeOptions) -> Self {
        Self { png, options }
    }
}

/// What a decode found.
pub enum Found {
    Json(String),
    Bytes(Vec<u8>),
}

impl Task for Decode {
    type Output = crate::Result<Found>;
    type JsValue = Settled<Either3<Value, Bytes, ArrayBuffer<'static>>>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let png = std::mem::take(&mut self.png);
        Ok(caught(|| {
            Workspace::of_thread(|workspace| {
                workspace.decode(&png, &self.options, |content| match content {
                    Content::Json(text) => Found::Json(text.to_owned()),
                    Content::Bytes(bytes) => Found::Bytes(bytes.to_vec()),
                })
            })
        }))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(match output {
            Ok(Found::Bytes(bytes)) => Settled::Done(Either3::C(ArrayBuffer::from_data(&env, bytes)?)),
            Ok(Found::Json(text)) if is_long_ascii(&text) => {
                Settled::Done(Either3::B(Bytes(text.into_bytes())))
            }
            Ok(Found::Json(text)) => Value::of_text(env, &text).map(Either3::A).into(),
            Err(error) => Settled::Failed(error),
        })
    }
}
