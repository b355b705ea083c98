import { AuthenticationV1Api, VersionApi } from '@kubernetes/client-node';
import { ask, type Cluster, statusOf } from './client.ts';

/** As whom the API server takes this login, and what it is. */
export interface LoggedIn {
  /** Undefined where the server is older than 1.28, which does not say. */
  user: string | undefined;
  version: string;
}

/** Logs in, and asks who that is. Throws TpError. */
export async function whoAmI({ api, authorization, namespace }: Cluster): Promise<LoggedIn> {
  const { configuration } = api;
  const review = new AuthenticationV1Api(configuration).createSelfSubjectReview({ body: {} });
  const named = review.then(
    ({ status }) => status?.userInfo?.username,
    async (error: unknown) => {
      if (statusOf(error) !== 404) throw error;
      await authorization.createSelfSubjectRulesReview({ body: { spec: { namespace } } });
      return undefined;
    },
  );
  const user = await ask('logging in', named);
  const { gitVersion } = await ask('asking for the version', new VersionApi(configuration).getCode());
  return { user, version: gitVersion };
}
