module require-path

go 1.24
