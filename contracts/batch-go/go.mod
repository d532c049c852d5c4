module batch

go 1.27
