module hint

go 1.27
