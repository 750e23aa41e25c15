// What main.bicepparam reads from the environment. A variable that is set and empty counts as not set: GitHub passes a
// repository variable that does not exist as an empty one.

@export()
@description('A setting, or its default when it is empty.')
func setting(value string, default string) string => empty(value) ? default : value
