# One `restapi_object` for each account: Terraform or OpenTofu with the generic REST provider.
terraform {
  required_providers {
    restapi = { source = "mastercard/restapi" }
  }
}

variable "url" {}
variable "token" { sensitive = true }
variable "accounts" { type = number }
variable "changed" {}

provider "restapi" {
  uri                   = var.url
  bearer_token          = var.token
  id_attribute          = "accountId"
  create_returns_object = true
  update_method         = "PATCH"
}

locals {
  nicknames = [for n in range(var.accounts) : format(
    "customer-%05d%s", n, var.changed == "all" ? "-new" : var.changed == "one" && n == 7 ? "-one" : ""
  )]
}

resource "restapi_object" "customer" {
  count                   = var.accounts
  path                    = "/im/accounts"
  ignore_server_additions = true
  data = jsonencode({
    type     = "wa"
    tier     = "limited_msg_no_chat_history"
    nickname = local.nicknames[count.index]
  })
  # The API has no GET of one account; the provider can't search by ID.
  read_path = "/im/accounts"
  read_search = {
    query_string = "q=${local.nicknames[count.index]}"
    results_key  = "accounts"
    search_key   = "accountId"
    search_value = "{id}"
  }
}
