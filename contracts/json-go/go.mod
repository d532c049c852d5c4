module lockstep/contracts/json-go

go 1.24
