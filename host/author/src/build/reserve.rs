//! Memory for the adapter in a module of Go.
//!
//! The adapter from WASI 0.1 to WASI 0.2 wants a stack and a state of its own when it is
//! called first, which is while Go's runtime starts. Go's allocator can't be called
//! then, and a memory that the adapter made grow Go would write over, for it takes for
//! granted that what it is given lies behind what it had. So the helper package of Go
//! reserves an array behind a marker, and the module gets a `cabi_realloc` that serves
//! from it until `_initialize` is over, and by Go's own after.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    InstructionSink, Module, TypeSection, ValType,
};
use wasmparser::{Parser, Payload, TypeRef};

use super::{BuildError, encode};

/// What stands in front of the reserved memory, and how long that is, in bytes.
const MARKER: &[u8] = b"hookward: memory of the adapter.";
const RESERVED: u32 = 192 << 10;

/// The adapter aligns to no more.
const ALIGNED: u32 = 16;

const REALLOC: &str = "cabi_realloc";
const INITIALIZE: &str = "_initialize";

const READ: &str = "read what go has made";

/// Lets a module of Go serve the adapter.
pub(super) fn reserve(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let mut reserve = Reserve::of(module)?;
    let mut out = Module::new();
    reserve.parse_core_module(&mut out, Parser::new(0), module).map_err(encode(READ))?;
    Ok(out.finish())
}

/// What is added to a module: two functions, which come to stand in the place of those
/// that it exports, and two globals.
struct Reserve {
    /// Address of the reserved memory.
    place: u32,
    /// What the module exports as of now.
    realloc: u32,
    initialize: u32,
    /// Functions that the module imports.
    imported: u32,
    /// Index of the first function that is added.
    function: u32,
    /// Index of their types: that of `cabi_realloc`, then that of `_initialize`.
    ty: u32,
    /// Index of the global that says how far the memory is given away.
    next: u32,
}

impl Reserve {
    /// Looks for what is there.
    fn of(module: &[u8]) -> Result<Self, BuildError> {
        let (mut place, mut realloc, mut initialize, mut imported) = (None, None, None, 0);
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(encode(READ))? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(encode(READ))?;
                        imported += u32::from(matches!(import.ty, TypeRef::Func(_)));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(encode(READ))?;
                        match export.name {
                            REALLOC => realloc = Some(export.index),
                            INITIALIZE => initialize = Some(export.index),
                            _ => {}
                        }
                    }
                }
                Payload::DataSection(segments) => {
                    for segment in segments {
                        let segment = segment.map_err(encode(READ))?;
                        place = place.or_else(|| behind_marker(&segment));
                    }
                }
                _ => {}
            }
        }
        let missing = |what: &'static str| {
            let message = format!("it has no {what}: is it built with the package `hookward`?");
            move || BuildError::Encode { what: READ, message }
        };
        Ok(Self {
            place: place.ok_or_else(missing("memory for the adapter"))?.next_multiple_of(ALIGNED),
            realloc: realloc.ok_or_else(missing("export `cabi_realloc`"))?,
            initialize: initialize.ok_or_else(missing("export `_initialize`"))?,
            imported,
            function: 0,
            ty: 0,
            next: 0,
        })
    }

    /// `cabi_realloc`: the adapter frees nothing, and gives nothing back to be larger.
    fn serve(&self) -> Function {
        let (old, old_size, align, size, given) = (0, 1, 2, 3, 4);
        let mut function = Function::new([(1, ValType::I32)]);
        let mut code = function.instructions();
        code.global_get(self.next).if_(BlockType::Empty);
        code.global_get(self.next).local_tee(given).local_get(size).i32_add();
        round_up(&mut code).global_set(self.next);
        // More than there is.
        let end = self.place.saturating_add(RESERVED - ALIGNED);
        code.global_get(self.next).i32_const(end.cast_signed()).i32_gt_u().if_(BlockType::Empty).unreachable().end();
        code.local_get(given).return_().end();
        code.local_get(old).local_get(old_size).local_get(align).local_get(size).call(self.realloc).end();
        function
    }

    /// `_initialize`: afterwards Go's allocator is there.
    fn start(&self) -> Function {
        let mut function = Function::new([]);
        function.instructions().call(self.initialize).i32_const(0).global_set(self.next).end();
        function
    }
}

/// To the next multiple of what is aligned to.
fn round_up<'a, 'b>(code: &'a mut InstructionSink<'b>) -> &'a mut InstructionSink<'b> {
    let mask = ALIGNED.cast_signed() - 1;
    code.i32_const(mask).i32_add().i32_const(!mask).i32_and()
}

/// The address behind the marker, if it is in this segment.
fn behind_marker(segment: &wasmparser::Data<'_>) -> Option<u32> {
    let wasmparser::DataKind::Active { offset_expr, .. } = &segment.kind else { return None };
    let wasmparser::Operator::I32Const { value } = offset_expr.get_operators_reader().read().ok()? else { return None };
    let at = segment.data.windows(MARKER.len()).position(|window| window == MARKER)?;
    value.cast_unsigned().checked_add(u32::try_from(at + MARKER.len()).ok()?)
}

type Reencoded = Result<(), reencode::Error<Infallible>>;

impl Reencode for Reserve {
    type Error = Infallible;

    fn parse_type_section(&mut self, types: &mut TypeSection, section: wasmparser::TypeSectionReader<'_>) -> Reencoded {
        utils::parse_type_section(self, types, section)?;
        self.ty = types.len();
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        types.ty().function([], []);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Reencoded {
        utils::parse_function_section(self, functions, section)?;
        self.function = self.imported + functions.len();
        functions.function(self.ty).function(self.ty + 1);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Reencoded {
        utils::parse_global_section(self, globals, section)?;
        self.next = globals.len();
        let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(ty, &ConstExpr::i32_const(self.place.cast_signed()));
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: wasmparser::Export<'_>) -> Reencoded {
        match export.name {
            REALLOC => exports.export(REALLOC, ExportKind::Func, self.function),
            INITIALIZE => exports.export(INITIALIZE, ExportKind::Func, self.function + 1),
            _ => return utils::parse_export(self, exports, export),
        };
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: wasmparser::CodeSectionReader<'_>) -> Reencoded {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.serve()).function(&self.start());
        Ok(())
    }
}
