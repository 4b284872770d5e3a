/** How many descriptors this process may have open; undefined where that is not known. Node has raised it to the most. */
export function openFilesLimit(): number | undefined {
  // The names of network peers take long to find, and nobody wants them.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const limit = report.userLimits?.open_files?.soft;
  return typeof limit === 'number' ? limit : undefined;
}
