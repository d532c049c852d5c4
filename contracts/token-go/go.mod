module token

go 1.27
