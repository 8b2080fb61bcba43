// Command offhook is event-driven call routing: edge, functions, phone and checks in one binary.
package main

func main() {}
