throw new Error("REDIS_URL is not set");
