// What main.bicepparam reads from the environment. A variable that is set and empty counts as not set: GitHub passes a
// repository variable that does not exist as an empty one.

@export()
@description('A setting, or its default when it is empty.')
func setting(value string, default string) string => empty(value) ? default : value

@export()
@description('The queues that orders are spread over: none of them with one queue, as in src/storage/names.ts.')
func numberedQueues(count int) string[] => map(range(0, count == 1 ? 0 : count), number => 'orders-${number}')
