package migrate

// OpenTraced is Open with a tracer that sees every statement, so that a test can end the process at any of them.
var OpenTraced = open
