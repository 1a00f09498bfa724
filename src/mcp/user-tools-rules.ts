import { z } from 'zod';
import { UserId } from './read-tools-rules.ts';
import type { WriteTool } from './tool-rules.ts';

/* Tools that change users. */

const userFields = 'id name email billingId metadata';
const Line = z.string().nullish();
const Metadata = z.record(z.string(), z.unknown()).nullish();

export const userTools: readonly WriteTool[] = [
  {
    name: 'create_user',
    title: 'Create a user',
    description: 'Creates a user. The id is chosen by the caller, and unique.',
    input: z.strictObject({
      userId: UserId.describe('The id of the new user.'),
      name: Line,
      email: Line,
      billingId: Line.describe('The id of the customer at the billing provider.'),
      metadata: Metadata,
    }),
    preview: {
      document: `query ($email: String) { users(search: $email, first: 20) { id name email } }`,
      variables: ({ userId, email }) => ({ email: email ?? userId }),
      plan({ users }, { userId }) {
        const similar = (users as { id: string }[]).map(({ id }) => `There is a similar user: "${id}".`);
        return { changes: [`The user "${userId}" is created.`], warnings: similar, before: users };
      },
    },
    apply: {
      document: `mutation ($input: CreateUserInput!) { createUser(input: $input) { ${userFields} } }`,
      variables: ({ userId, ...fields }) => ({ input: { id: userId, ...fields } }),
      answer: ({ createUser }) => createUser,
    },
  },
  {
    name: 'update_user',
    title: 'Update a user',
    description:
      'Changes the id, name or metadata of a user. An omitted field stays, null clears; metadata is replaced as a whole.',
    input: z.strictObject({
      userId: UserId,
      newId: z.string().optional().describe('The new id. Usage and subscriptions stay with the user.'),
      name: Line,
      metadata: Metadata,
    }),
    preview: {
      document: `query ($userId: String!) { user(id: $userId) { ${userFields} } }`,
      variables: ({ userId }) => ({ userId }),
      plan({ user }, { userId: _, ...fields }) {
        const changes = Object.entries(fields).map(([field, value]) => {
          const known = field === 'newId' ? 'id' : field;
          return `${known}: ${JSON.stringify(user[known])} becomes ${JSON.stringify(value)}.`;
        });
        return { changes, before: user };
      },
    },
    apply: {
      document: `mutation ($userId: String!, $input: UpdateUserInput!) {
        updateUser(id: $userId, input: $input) { ${userFields} } }`,
      variables: ({ userId, newId, ...fields }) => ({ userId, input: { id: newId ?? userId, ...fields } }),
      answer: ({ updateUser }) => updateUser,
    },
  },
  {
    name: 'merge_users',
    title: 'Merge users',
    description:
      'Merges users into the oldest of them. Usage and subscriptions move there, and all ids lead to the survivor. It cannot be undone.',
    input: z.strictObject({ userIds: z.array(UserId).min(2).max(100) }),
    isDestructive: true,
    preview: {
      document: `query ($userIds: [String!]!) { previewMerge(ids: $userIds) {
        survivor { ${userFields} } mergedIds name email billingId metadata
        kept { id package { id } } cancelled { id package { id } } } }`,
      plan({ previewMerge: plan }) {
        const cancelled = plan.cancelled as { id: string; package: { id: string } }[];
        return {
          changes: [
            `${plan.mergedIds.join(', ')} become part of "${plan.survivor.id}".`,
            ...cancelled.map((each) => `The subscription ${each.id} to "${each.package.id}" is cancelled.`),
          ],
          warnings: ['A merge cannot be undone.'],
          before: plan,
        };
      },
    },
    apply: {
      document: `mutation ($userIds: [String!]!) { mergeUsers(ids: $userIds) { ${userFields} } }`,
      answer: ({ mergeUsers }) => mergeUsers,
    },
  },
  {
    name: 'delete_user',
    title: 'Delete a user',
    description:
      'Deletes a user with all subscriptions, usage and Segment events, and all ids that were merged into the user. It cannot be undone.',
    input: z.strictObject({ userId: UserId }),
    isDestructive: true,
    preview: {
      document: `query ($userId: String!) {
        user(id: $userId) { ${userFields} }
        subscriptions(userId: $userId, first: 100) { id status package { id } } }`,
      plan({ user, subscriptions }) {
        const held = (subscriptions as { status: string; package: { id: string } }[]).filter(
          ({ status }) => status !== 'CANCELLED',
        );
        return {
          changes: [`The user "${user.id}" is deleted, with everything that belongs to the user.`],
          warnings: [
            'It cannot be undone.',
            ...held.map(({ status, package: { id } }) => `The user is subscribed to "${id}": ${status}.`),
          ],
          before: { user, subscriptions },
        };
      },
    },
    apply: {
      document: 'mutation ($userId: String!) { deleteUser(id: $userId) { id } }',
      answer: ({ deleteUser }) => deleteUser,
    },
  },
];
