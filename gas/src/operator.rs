//! Every Wasm operator that the engine knows: one table of name, text and price under `V1`.
//!
//! What else needs one entry per operator (the enum, the price list, the engine's cost table, the validator's
//! look-up, the printed gas table) is generated from this table by [`for_each_operator!`](crate::for_each_operator).
//! It must not know wasmi or wasmparser: their names only happen to be the same.

/// Calls `$callback!` with a row `Name snake_name "text.name" price` for every operator.
///
/// `Name` is the name in wasmparser, `snake_name` the name in wasmi's cost table, `"text.name"` the name in the Wasm
/// text format, and the price is the one of `V1`: `Some(gas)`, or `None` for forbidden. A later
/// revision patches that list ([`Schedule::set_operator`](crate::Schedule::set_operator)).
#[macro_export]
macro_rules! for_each_operator {
    ($callback:ident) => {
        $callback! {
            // control
            Unreachable unreachable "unreachable" Some(0),
            Nop nop "nop" Some(0),
            Block block "block" Some(0),
            Loop loop_ "loop" Some(0),
            If if_ "if" Some(1),
            Else else_ "else" Some(0),
            End end "end" Some(0),
            Br br "br" Some(1),
            BrIf br_if "br_if" Some(1),
            BrTable br_table "br_table" Some(3),
            Return return_ "return" Some(0),
            Call call "call" Some(8),
            CallIndirect call_indirect "call_indirect" Some(12),
            // parametric and variable
            Drop drop "drop" Some(0),
            Select select "select" Some(2),
            LocalGet local_get "local.get" Some(1),
            LocalSet local_set "local.set" Some(1),
            LocalTee local_tee "local.tee" Some(1),
            GlobalGet global_get "global.get" Some(2),
            GlobalSet global_set "global.set" Some(2),
            // memory
            I32Load i32_load "i32.load" Some(2),
            I64Load i64_load "i64.load" Some(2),
            F32Load f32_load "f32.load" Some(2),
            F64Load f64_load "f64.load" Some(2),
            I32Load8S i32_load8_s "i32.load8_s" Some(2),
            I32Load8U i32_load8_u "i32.load8_u" Some(2),
            I32Load16S i32_load16_s "i32.load16_s" Some(2),
            I32Load16U i32_load16_u "i32.load16_u" Some(2),
            I64Load8S i64_load8_s "i64.load8_s" Some(2),
            I64Load8U i64_load8_u "i64.load8_u" Some(2),
            I64Load16S i64_load16_s "i64.load16_s" Some(2),
            I64Load16U i64_load16_u "i64.load16_u" Some(2),
            I64Load32S i64_load32_s "i64.load32_s" Some(2),
            I64Load32U i64_load32_u "i64.load32_u" Some(2),
            I32Store i32_store "i32.store" Some(2),
            I64Store i64_store "i64.store" Some(2),
            F32Store f32_store "f32.store" Some(2),
            F64Store f64_store "f64.store" Some(2),
            I32Store8 i32_store8 "i32.store8" Some(2),
            I32Store16 i32_store16 "i32.store16" Some(2),
            I64Store8 i64_store8 "i64.store8" Some(2),
            I64Store16 i64_store16 "i64.store16" Some(2),
            I64Store32 i64_store32 "i64.store32" Some(2),
            MemorySize memory_size "memory.size" Some(2),
            MemoryGrow memory_grow "memory.grow" Some(200),
            // constants
            I32Const i32_const "i32.const" Some(1),
            I64Const i64_const "i64.const" Some(1),
            F32Const f32_const "f32.const" Some(1),
            F64Const f64_const "f64.const" Some(1),
            // comparisons
            I32Eqz i32_eqz "i32.eqz" Some(1),
            I32Eq i32_eq "i32.eq" Some(1),
            I32Ne i32_ne "i32.ne" Some(1),
            I32LtS i32_lt_s "i32.lt_s" Some(1),
            I32LtU i32_lt_u "i32.lt_u" Some(1),
            I32GtS i32_gt_s "i32.gt_s" Some(1),
            I32GtU i32_gt_u "i32.gt_u" Some(1),
            I32LeS i32_le_s "i32.le_s" Some(1),
            I32LeU i32_le_u "i32.le_u" Some(1),
            I32GeS i32_ge_s "i32.ge_s" Some(1),
            I32GeU i32_ge_u "i32.ge_u" Some(1),
            I64Eqz i64_eqz "i64.eqz" Some(1),
            I64Eq i64_eq "i64.eq" Some(1),
            I64Ne i64_ne "i64.ne" Some(1),
            I64LtS i64_lt_s "i64.lt_s" Some(1),
            I64LtU i64_lt_u "i64.lt_u" Some(1),
            I64GtS i64_gt_s "i64.gt_s" Some(1),
            I64GtU i64_gt_u "i64.gt_u" Some(1),
            I64LeS i64_le_s "i64.le_s" Some(1),
            I64LeU i64_le_u "i64.le_u" Some(1),
            I64GeS i64_ge_s "i64.ge_s" Some(1),
            I64GeU i64_ge_u "i64.ge_u" Some(1),
            F32Eq f32_eq "f32.eq" Some(2),
            F32Ne f32_ne "f32.ne" Some(2),
            F32Lt f32_lt "f32.lt" Some(2),
            F32Gt f32_gt "f32.gt" Some(2),
            F32Le f32_le "f32.le" Some(2),
            F32Ge f32_ge "f32.ge" Some(2),
            F64Eq f64_eq "f64.eq" Some(2),
            F64Ne f64_ne "f64.ne" Some(2),
            F64Lt f64_lt "f64.lt" Some(2),
            F64Gt f64_gt "f64.gt" Some(2),
            F64Le f64_le "f64.le" Some(2),
            F64Ge f64_ge "f64.ge" Some(2),
            // integer arithmetic; without an instruction for it (x86-64 before SSE4.2) a population count takes 12 operations
            I32Clz i32_clz "i32.clz" Some(1),
            I32Ctz i32_ctz "i32.ctz" Some(1),
            I32Popcnt i32_popcnt "i32.popcnt" Some(4),
            I32Add i32_add "i32.add" Some(1),
            I32Sub i32_sub "i32.sub" Some(1),
            I32Mul i32_mul "i32.mul" Some(1),
            I32DivS i32_div_s "i32.div_s" Some(4),
            I32DivU i32_div_u "i32.div_u" Some(4),
            I32RemS i32_rem_s "i32.rem_s" Some(4),
            I32RemU i32_rem_u "i32.rem_u" Some(4),
            I32And i32_and "i32.and" Some(1),
            I32Or i32_or "i32.or" Some(1),
            I32Xor i32_xor "i32.xor" Some(1),
            I32Shl i32_shl "i32.shl" Some(1),
            I32ShrS i32_shr_s "i32.shr_s" Some(1),
            I32ShrU i32_shr_u "i32.shr_u" Some(1),
            I32Rotl i32_rotl "i32.rotl" Some(1),
            I32Rotr i32_rotr "i32.rotr" Some(1),
            I64Clz i64_clz "i64.clz" Some(1),
            I64Ctz i64_ctz "i64.ctz" Some(1),
            I64Popcnt i64_popcnt "i64.popcnt" Some(4),
            I64Add i64_add "i64.add" Some(1),
            I64Sub i64_sub "i64.sub" Some(1),
            I64Mul i64_mul "i64.mul" Some(1),
            I64DivS i64_div_s "i64.div_s" Some(4),
            I64DivU i64_div_u "i64.div_u" Some(4),
            I64RemS i64_rem_s "i64.rem_s" Some(4),
            I64RemU i64_rem_u "i64.rem_u" Some(4),
            I64And i64_and "i64.and" Some(1),
            I64Or i64_or "i64.or" Some(1),
            I64Xor i64_xor "i64.xor" Some(1),
            I64Shl i64_shl "i64.shl" Some(1),
            I64ShrS i64_shr_s "i64.shr_s" Some(1),
            I64ShrU i64_shr_u "i64.shr_u" Some(1),
            I64Rotl i64_rotl "i64.rotl" Some(1),
            I64Rotr i64_rotr "i64.rotr" Some(1),
            // float arithmetic; products, quotients and roots at what subnormal operands take (50 ns on x86-64)
            F32Abs f32_abs "f32.abs" Some(2),
            F32Neg f32_neg "f32.neg" Some(2),
            F32Ceil f32_ceil "f32.ceil" Some(2),
            F32Floor f32_floor "f32.floor" Some(2),
            F32Trunc f32_trunc "f32.trunc" Some(2),
            F32Nearest f32_nearest "f32.nearest" Some(2),
            F32Sqrt f32_sqrt "f32.sqrt" Some(18),
            F32Add f32_add "f32.add" Some(2),
            F32Sub f32_sub "f32.sub" Some(2),
            F32Mul f32_mul "f32.mul" Some(18),
            F32Div f32_div "f32.div" Some(18),
            F32Min f32_min "f32.min" Some(2),
            F32Max f32_max "f32.max" Some(2),
            F32Copysign f32_copysign "f32.copysign" Some(2),
            F64Abs f64_abs "f64.abs" Some(2),
            F64Neg f64_neg "f64.neg" Some(2),
            F64Ceil f64_ceil "f64.ceil" Some(2),
            F64Floor f64_floor "f64.floor" Some(2),
            F64Trunc f64_trunc "f64.trunc" Some(2),
            F64Nearest f64_nearest "f64.nearest" Some(2),
            F64Sqrt f64_sqrt "f64.sqrt" Some(18),
            F64Add f64_add "f64.add" Some(2),
            F64Sub f64_sub "f64.sub" Some(2),
            F64Mul f64_mul "f64.mul" Some(18),
            F64Div f64_div "f64.div" Some(18),
            F64Min f64_min "f64.min" Some(2),
            F64Max f64_max "f64.max" Some(2),
            F64Copysign f64_copysign "f64.copysign" Some(2),
            // conversions
            I32WrapI64 i32_wrap_i64 "i32.wrap_i64" Some(1),
            I32TruncF32S i32_trunc_f32_s "i32.trunc_f32_s" Some(3),
            I32TruncF32U i32_trunc_f32_u "i32.trunc_f32_u" Some(3),
            I32TruncF64S i32_trunc_f64_s "i32.trunc_f64_s" Some(3),
            I32TruncF64U i32_trunc_f64_u "i32.trunc_f64_u" Some(3),
            I64ExtendI32S i64_extend_i32_s "i64.extend_i32_s" Some(1),
            I64ExtendI32U i64_extend_i32_u "i64.extend_i32_u" Some(1),
            I64TruncF32S i64_trunc_f32_s "i64.trunc_f32_s" Some(3),
            I64TruncF32U i64_trunc_f32_u "i64.trunc_f32_u" Some(3),
            I64TruncF64S i64_trunc_f64_s "i64.trunc_f64_s" Some(3),
            I64TruncF64U i64_trunc_f64_u "i64.trunc_f64_u" Some(3),
            F32ConvertI32S f32_convert_i32_s "f32.convert_i32_s" Some(2),
            F32ConvertI32U f32_convert_i32_u "f32.convert_i32_u" Some(2),
            F32ConvertI64S f32_convert_i64_s "f32.convert_i64_s" Some(2),
            F32ConvertI64U f32_convert_i64_u "f32.convert_i64_u" Some(2),
            F32DemoteF64 f32_demote_f64 "f32.demote_f64" Some(2),
            F64ConvertI32S f64_convert_i32_s "f64.convert_i32_s" Some(2),
            F64ConvertI32U f64_convert_i32_u "f64.convert_i32_u" Some(2),
            F64ConvertI64S f64_convert_i64_s "f64.convert_i64_s" Some(2),
            F64ConvertI64U f64_convert_i64_u "f64.convert_i64_u" Some(2),
            F64PromoteF32 f64_promote_f32 "f64.promote_f32" Some(2),
            I32ReinterpretF32 i32_reinterpret_f32 "i32.reinterpret_f32" Some(1),
            I64ReinterpretF64 i64_reinterpret_f64 "i64.reinterpret_f64" Some(1),
            F32ReinterpretI32 f32_reinterpret_i32 "f32.reinterpret_i32" Some(2),
            F64ReinterpretI64 f64_reinterpret_i64 "f64.reinterpret_i64" Some(2),
            // sign extension
            I32Extend8S i32_extend8_s "i32.extend8_s" Some(1),
            I32Extend16S i32_extend16_s "i32.extend16_s" Some(1),
            I64Extend8S i64_extend8_s "i64.extend8_s" Some(1),
            I64Extend16S i64_extend16_s "i64.extend16_s" Some(1),
            I64Extend32S i64_extend32_s "i64.extend32_s" Some(1),
            // saturating conversions
            I32TruncSatF32S i32_trunc_sat_f32_s "i32.trunc_sat_f32_s" Some(3),
            I32TruncSatF32U i32_trunc_sat_f32_u "i32.trunc_sat_f32_u" Some(3),
            I32TruncSatF64S i32_trunc_sat_f64_s "i32.trunc_sat_f64_s" Some(3),
            I32TruncSatF64U i32_trunc_sat_f64_u "i32.trunc_sat_f64_u" Some(3),
            I64TruncSatF32S i64_trunc_sat_f32_s "i64.trunc_sat_f32_s" Some(3),
            I64TruncSatF32U i64_trunc_sat_f32_u "i64.trunc_sat_f32_u" Some(3),
            I64TruncSatF64S i64_trunc_sat_f64_s "i64.trunc_sat_f64_s" Some(3),
            I64TruncSatF64U i64_trunc_sat_f64_u "i64.trunc_sat_f64_u" Some(3),
            // reference types
            RefNull ref_null "ref.null" Some(1),
            RefIsNull ref_is_null "ref.is_null" Some(1),
            RefFunc ref_func "ref.func" Some(2),
            TypedSelect typed_select "select t" Some(2),
            // tail calls
            ReturnCall return_call "return_call" Some(8),
            ReturnCallIndirect return_call_indirect "return_call_indirect" Some(12),
            // bulk memory and tables
            MemoryInit memory_init "memory.init" Some(12),
            DataDrop data_drop "data.drop" Some(2),
            MemoryCopy memory_copy "memory.copy" Some(12),
            MemoryFill memory_fill "memory.fill" Some(12),
            TableInit table_init "table.init" Some(12),
            ElemDrop elem_drop "elem.drop" Some(2),
            TableCopy table_copy "table.copy" Some(12),
            TableFill table_fill "table.fill" Some(12),
            TableGet table_get "table.get" Some(2),
            TableSet table_set "table.set" Some(2),
            // forbidden in V1: wasmi cannot be resumed in it (docs/decisions/0005)
            TableGrow table_grow "table.grow" None,
            TableSize table_size "table.size" Some(2),
            // wide arithmetic: known to the engine, forbidden in every production revision
            I64Add128 i64_add128 "i64.add128" None,
            I64Sub128 i64_sub128 "i64.sub128" None,
            I64MulWideS i64_mul_wide_s "i64.mul_wide_s" None,
            I64MulWideU i64_mul_wide_u "i64.mul_wide_u" None,
        }
    };
}

macro_rules! define_operator {
    ($($name:ident $snake:ident $text:literal $price:expr,)*) => {
        /// A Wasm operator.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operator {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        impl Operator {
            /// Every operator, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the Wasm text format.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The position in [`ALL`](Self::ALL).
            pub(crate) const fn index(self) -> usize {
                self as usize
            }
        }

        /// Number of operators.
        pub(crate) const OPERATORS: usize = Operator::ALL.len();

        /// The prices of `V1`, in the order of the table.
        pub(crate) const V1_PRICES: [Option<u8>; OPERATORS] = [$($price,)*];
    };
}
for_each_operator!(define_operator);
