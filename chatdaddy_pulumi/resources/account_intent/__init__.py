"""The intent of an `Account` that may buy beside others of its nickname: who was there before."""
