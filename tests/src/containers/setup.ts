import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers";

// Pinned: a test that changes with somebody else's release is no test.
const postgresImage = "pgvector/pgvector:0.8.1-pg17";
const redisImage = "redis:7.4-alpine";

const running: StartedTestContainer[] = [];

/** Starts the servers that production has, and points the integration tests at them. Fails when there is no Docker. */
// biome-ignore lint/style/noDefaultExport: Jest takes its global set-up so
export default async function setup(): Promise<void> {
  await getContainerRuntimeClient().catch(() => {
    process.stderr.write("\nnpm run test:containers needs a Docker engine, and none was found. Nothing was tested.\n");
    process.exit(1);
  });
  const [postgres, redis] = await Promise.all([
    new GenericContainer(postgresImage)
      .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: "trust" })
      .withExposedPorts(5432)
      .withCommand(["postgres", "-c", "max_connections=300"])
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
      .start(),
    new GenericContainer(redisImage)
      .withExposedPorts(6379)
      .withCommand(["redis-server", "--maxmemory-policy", "noeviction", "--appendonly", "yes"])
      .start(),
  ]);
  running.push(postgres, redis);
  process.env.SLUICE_TEST_POSTGRES_URL = `postgres://postgres@${postgres.getHost()}:${postgres.getMappedPort(5432)}/postgres`;
  process.env.SLUICE_TEST_REDIS_URL = `redis://${redis.getHost()}:${redis.getMappedPort(6379)}`;
}

export async function stop(): Promise<void> {
  await Promise.all(running.splice(0).map((container) => container.stop()));
}
