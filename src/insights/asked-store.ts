/* What the statements of near-limit-store.ts are asked about. $1 is the environment, $2 the feature. */

/** About which features is asked: one, or several at once. Counters have no index by feature: each question reads them once. */
export interface Asked {
  /** The counters `c`. */
  counters: string;
  /** Joins the features to the counters `c`. */
  join: string;
  /** Whether the row of this table is of a feature that is asked about. */
  isOf: (table: string) => string;
  /** The smallest limit of the feature in a package. */
  smallestLimit: string;
  /** The id of the feature of a candidate `c`. */
  featureId: string;
  /** Whether terms are looked up by counter: where counters are few, all terms of a large catalogue are more. */
  looksUpTerms: boolean;
  /** About which users is asked: the rest of a condition on this table. */
  ofUsers: (table: string) => string;
}

export const oneFeature: Asked = {
  counters: 'usage_counter c',
  join: '',
  isOf: (table) => `${table}.feature_id = $2`,
  smallestLimit: '(select min("limit") from package_feature where environment_id = $1 and feature_id = $2)',
  featureId: '$2',
  looksUpTerms: false,
  ofUsers: () => '',
};

export const allFeatures: Asked = {
  counters: 'usage_counter c',
  join: 'join limited on limited.id = c.feature_id',
  isOf: () => 'true',
  smallestLimit: 'limited.smallest',
  featureId: 'c.feature_id',
  looksUpTerms: false,
  ofUsers: () => '',
};

/** All features of the users after $4, up to $5. */
export const usersInRange: Asked = {
  ...allFeatures,
  ofUsers: (table) => `and ${table}.user_key > $4::bigint and ${table}.user_key <= $5::bigint`,
};

/** All features of the users in $4. */
export const usersInList: Asked = {
  ...allFeatures,
  join: '',
  smallestLimit: '0',
  looksUpTerms: true,
  ofUsers: (table) => `and ${table}.user_key = any($4::bigint[])`,
};

/** Of each user in $4 the feature at the same place in $5. The counters of each are looked up by their key. */
export const pairsInList: Asked = {
  ...usersInList,
  counters: `unnest($4::bigint[], $5::text[]) changed(user_key, feature_id)
    cross join lateral (
      select * from usage_counter where user_key = changed.user_key and feature_id = changed.feature_id offset 0
    ) c`,
  ofUsers: (table) => (table === 'c' ? '' : usersInList.ofUsers(table)),
};
