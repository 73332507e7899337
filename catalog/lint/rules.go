package lint

import "slices"

// Rules are all rules of the catalog, in the order in which a person would look at a folder.
var Rules = slices.Concat(
	anatomyRules, metadataRules, describedRules, argsRules, imageRules, secretRules, restrictedRules, resultRules, referenceRules,
	wiringRules, flowRules, sampleRules, ownerRules,
)
