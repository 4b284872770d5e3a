/** What a report of usage can be about. Without schemas, for what runs in a browser or starts often. */
export const usageGroups = ['day', 'chat', 'cwd', 'model'] as const;
export type UsageGroup = (typeof usageGroups)[number];

/** How many rows a report has at most, unless it is asked for fewer. */
export const maxUsageRows = 1000;
export const usualUsageRows = 400;
/** The days of a report without a beginning, today included. */
export const usualUsageDays = 30;
