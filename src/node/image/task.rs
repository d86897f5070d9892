//! Encoding and decoding on the thread pool.

use napi::bindgen_prelude::{ArrayBuffer, BufferSlice, Either3, ToNapiValue, TypeName};
use napi::{Env, JsError, Task, ValueType, sys};

use super::call::caught;
use super::data::Data;
use super::value::{Value, is_long_ascii};
use crate::ErrorCode;
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

/// The result of a task on the pool, as the value of its promise: napi's own task errors cannot
/// carry our codes, so an error is a value too.
pub struct TaskResult<T>(crate::Result<T>);

impl<T> TypeName for TaskResult<T> {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl<T: ToNapiValue> ToNapiValue for TaskResult<T> {
    unsafe fn to_napi_value(env: sys::napi_env, result: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: the task completes in `env`.
        unsafe {
            match result.0 {
                Ok(value) => T::to_napi_value(env, value),
                Err(error) => Ok(JsError::from(napi::Error::<ErrorCode>::from(error)).into_value(env)),
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
    type Output = crate::Result<Bytes>;
    type JsValue = TaskResult<Bytes>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(caught(|| encode_source(self.data.source(), &self.options).map(Bytes)))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        std::mem::replace(&mut self.data, Data::new()).release();
        Ok(TaskResult(output))
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

/// [`Content`] that outlives the workspace.
pub enum OwnedContent {
    Json(String),
    Bytes(Vec<u8>),
}

impl Task for Decode {
    type Output = crate::Result<OwnedContent>;
    type JsValue = TaskResult<Either3<Value, Bytes, ArrayBuffer<'static>>>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let png = std::mem::take(&mut self.png);
        Ok(caught(|| {
            Workspace::of_thread(|workspace| {
                workspace.decode(&png, &self.options, |content| match content {
                    Content::Json(text) => OwnedContent::Json(text.to_owned()),
                    Content::Bytes(bytes) => OwnedContent::Bytes(bytes.to_vec()),
                })
            })
        }))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(TaskResult(match output {
            Ok(OwnedContent::Bytes(bytes)) => Ok(Either3::C(ArrayBuffer::from_data(&env, bytes)?)),
            Ok(OwnedContent::Json(text)) if is_long_ascii(&text) => Ok(Either3::B(Bytes(text.into_bytes()))),
            Ok(OwnedContent::Json(text)) => Value::of_text(env, &text).map(Either3::A),
            Err(error) => Err(error),
        }))
    }
}
