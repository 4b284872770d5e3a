import type { Config } from './config.ts';
import { databasePlace } from './store/database-address.ts';
import { version } from './version.ts';

/** As logged, without anything that may be secret: only the location of the database's address. */
export function settingsInForce(config: Config, { demo }: { demo: boolean }): object {
  const { databaseUrl, token } = config;
  return {
    version,
    node: process.version,
    demo,
    host: config.host,
    port: config.port,
    publicOrigins: config.publicOrigins,
    basePath: config.basePath,
    trustedProxies: config.trustedProxies,
    proxyHeader: config.proxyHeader,
    quotas: config.quotas,
    tls: config.tls,
    dataDir: config.dataDir,
    database: databaseUrl === null ? 'embedded' : databasePlace(databaseUrl),
    token: token === null ? 'created here' : 'set on purpose',
    sdkByDefault: config.sdkByDefault,
    advertiseUrl: config.advertiseUrl,
    hostName: config.hostName,
    drainMs: config.drainMs,
    workspaces: config.workspaces,
    workspaceRoots: config.workspaceRoots,
    clones: config.clones,
    idleTimeoutMs: config.idleTimeoutMs,
    startsAtOnce: config.startsAtOnce,
    agentMemoryBytes: config.agentMemoryBytes,
    reserveMemoryBytes: config.reserveMemoryBytes,
    quietMs: config.quietMs,
    agentAnswerMs: config.agentAnswerMs,
    agentStartMs: config.agentStartMs,
    modelSilenceMs: config.modelSilenceMs,
    resumeAtReset: config.resumeAtReset,
    budgetChatUsd: config.budgetChatUsd,
    budgetDayUsd: config.budgetDayUsd,
    budgetServerUsd: config.budgetServerUsd,
    bypassPermissions: config.bypassPermissions,
    agentEnvNames: config.agentEnvNames,
    sandbox: config.sandbox,
    sandboxRead: config.sandboxRead,
    sandboxWrite: config.sandboxWrite,
    sandboxNetwork: config.sandboxNetwork,
    sandboxHosts: config.sandboxHosts,
    sandboxDirectories: config.sandboxDirectories,
    terminalPassthrough: config.terminalPassthrough,
    logLevel: config.logLevel,
  };
}
