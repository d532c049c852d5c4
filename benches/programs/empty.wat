;; Nothing but an export to call: what is left is the price of a frame.
(module
  (memory (export "memory") 1)
  (func (export "main")))
