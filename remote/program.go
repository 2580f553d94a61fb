package remote

// Program is the shell program that a transaction's script is handed to: it
// knows the words put and run, keeps copies of what was there, and restores.
func Program() string { return txProgram }
