//! Sets the linker flags of a Node.js add-on, where one is built.

fn main() {
    #[cfg(feature = "addon")]
    napi_build::setup();
}
