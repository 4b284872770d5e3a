/** How many descriptors this process may open; undefined if unknown. Node has raised it to the maximum. */
export function openFilesLimit(): number | undefined {
  // Resolving the names of network peers is slow, and they are not needed.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const limit = report.userLimits?.open_files?.soft;
  return typeof limit === 'number' ? limit : undefined;
}
