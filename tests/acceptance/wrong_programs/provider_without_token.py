from chatdaddy_pulumi import Provider

Provider("team-b", team_id="team-b")
