;; Takes its input into a memory of its own, and gives the same bytes back: eight at a time, and one
;; at a time at the end, as guests do that are written with Extism's kits.
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  ;; As much as a guest has that Rust's linker made: sixteen pages of stack, and one of data.
  (memory (export "memory") 17)

  (func (export "execute") (result i32)
    (local $length i64) (local $output i64)
    (local.set $length (call $input_length))
    (call $take (local.get $length))
    (local.set $output (call $alloc (local.get $length)))
    (call $give (local.get $output) (local.get $length))
    (call $output_set (local.get $output) (local.get $length))
    (i32.const 0))

  (func $take (param $length i64)
    (local $at i64) (local $words i64)
    (local.set $words (i64.and (local.get $length) (i64.const -8)))
    (block $words_end
      (loop $next
        (br_if $words_end (i64.ge_u (local.get $at) (local.get $words)))
        (i64.store (i32.wrap_i64 (local.get $at)) (call $input_load_u64 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $next)))
    (block $bytes_end
      (loop $next
        (br_if $bytes_end (i64.ge_u (local.get $at) (local.get $length)))
        (i32.store8 (i32.wrap_i64 (local.get $at)) (call $input_load_u8 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $next))))

  (func $give (param $output i64) (param $length i64)
    (local $at i64) (local $words i64)
    (local.set $words (i64.and (local.get $length) (i64.const -8)))
    (block $words_end
      (loop $next
        (br_if $words_end (i64.ge_u (local.get $at) (local.get $words)))
        (call $store_u64
          (i64.add (local.get $output) (local.get $at))
          (i64.load (i32.wrap_i64 (local.get $at))))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $next)))
    (block $bytes_end
      (loop $next
        (br_if $bytes_end (i64.ge_u (local.get $at) (local.get $length)))
        (call $store_u8
          (i64.add (local.get $output) (local.get $at))
          (i32.load8_u (i32.wrap_i64 (local.get $at))))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $next)))))
