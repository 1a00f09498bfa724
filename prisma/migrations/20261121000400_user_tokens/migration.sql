-- CreateTable
CREATE TABLE "user_token_secret" (
    "environment_id" TEXT NOT NULL,
    "secret" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "user_token_secret_pkey" PRIMARY KEY ("environment_id")
);

-- AddForeignKey
ALTER TABLE "user_token_secret" ADD CONSTRAINT "user_token_secret_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
