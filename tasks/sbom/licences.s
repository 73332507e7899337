// Functions without a body, as licences.go declares, need an assembly file in their package.
