module lockstep/contracts/json-counter-go

go 1.24

require lockstep/contracts/json-go v0.0.0

replace lockstep/contracts/json-go => ../json-go
